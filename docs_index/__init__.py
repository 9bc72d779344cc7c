"""Full-text index over the embedded documentation."""
