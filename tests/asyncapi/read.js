// Reads an AsyncAPI document from the standard input by @asyncapi/parser. Prints its messages and its faults as JSON.
const { Parser } = require("@asyncapi/parser");

async function main() {
  let text = "";
  for await (const part of process.stdin) text += part;
  const { document, diagnostics } = await new Parser().parse(text);
  const faults = diagnostics.map(({ code, message, path, severity }) => ({ code, message, path: path.join("."), severity }));
  const messages = document ? document.allMessages().all().map((message) => message.name()) : [];
  const operations = document ? document.allOperations().all().map((operation) => operation.id()) : [];
  process.stdout.write(JSON.stringify({ messages, operations, faults }));
}

main();
