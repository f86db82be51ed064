console.log(`the pages are tested by node ${process.versions.node.split(".")[0]}`);
