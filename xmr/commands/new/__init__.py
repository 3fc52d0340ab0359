"""First recipes, a module for each kind of data. `xmr.commands.new.new` reads the file and picks one."""
