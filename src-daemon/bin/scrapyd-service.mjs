#!/usr/bin/env node
console.log("scaffold")
