// Every script is to be strict.
const fs = require("fs");

const wrong = fs.readdirSync("app/javascript").filter(
  (name) => !fs.readFileSync(`app/javascript/${name}`, "utf8").startsWith('"use strict"'),
);
console.log(wrong.length ? `not strict: ${wrong}` : "all scripts are strict");
process.exitCode = wrong.length ? 1 : 0;
