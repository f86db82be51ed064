const assert = require("assert");
const { line } = require("../app/javascript/cart.js");

assert.strictEqual(line("Tea", 2), "2 × Tea");
console.log(`the cart works with ${process.env.LOCALE_NAME} on ${process.version}`);
