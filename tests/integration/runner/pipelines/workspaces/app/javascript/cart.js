"use strict";
const Mustache = require("mustache");

exports.line = (name, count) => Mustache.render("{{count}} × {{name}}", { name, count });
