// Puts the scripts of the app into one file, with the version in its name.
const fs = require("fs");
const { version } = require("../package.json");

const sources = fs.readdirSync("app/javascript").sort();
fs.mkdirSync("public/assets", { recursive: true });
const file = `public/assets/app-${version}.js`;
fs.writeFileSync(file, sources.map((name) => fs.readFileSync(`app/javascript/${name}`)).join("\n"));
console.log(`${sources.length} file(s) in ${file}`);
