"""One model of what people and the world do to a document, played on a simulated host and on a real one."""
