// Prints, as JSON, the names of the options that the types of the SDK below this folder have.
// Usage: node options.mjs FILE, where FILE exports one type for each name to print.

import ts from "typescript";

const [file] = process.argv.slice(2);
const program = ts.createProgram([file], {
  strict: true,
  module: ts.ModuleKind.NodeNext,
  target: ts.ScriptTarget.ES2022,
  types: ["node"],
  skipLibCheck: true,
});
const checker = program.getTypeChecker();
const source = program.getSourceFile(file);
const faults = ts.getPreEmitDiagnostics(program, source);
if (faults.length) throw new Error(ts.formatDiagnostics(faults, ts.createCompilerHost({})));

const names = {};
for (const symbol of checker.getExportsOfModule(checker.getSymbolAtLocation(source))) {
  names[symbol.name] = checker.getDeclaredTypeOfSymbol(symbol).getProperties().map((property) => property.name);
}
console.log(JSON.stringify(names));
