"""First recipes, a module for each kind of data. `xmr.commands.new.draft` reads the file and picks one."""
