"""FlexPrint's collector: stores reads, builds workbooks, mails them, shows the fleet."""
