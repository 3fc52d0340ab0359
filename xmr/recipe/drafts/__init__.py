"""First recipes, a module for each kind of data. `xmr.recipe.draft` reads the file and picks one."""
