"""The local page: how a person at the customer's office sets the agent up and looks after it.

    server    sockets: loopback only, bounded, closes when nobody uses it
    door      who may come in: one-time token, session, Host, Origin, CSRF
    site      which page answers which address
    work      what takes longer than a page: one piece of work at a time, watched by pages
    html      markup that escapes what it is given;  frame: what all pages have in common
    catalogue every word in every language;  languages/*.toml: a language is a file

Pages hold no rules: they call the rooms below, as the command line does. Nothing here is imported by another command.
"""
