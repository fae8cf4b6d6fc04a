"""Make-believe hospitals for the demo: their PACS, studies, mailbox, and the runner of its processes."""
