@rem Lets the "exec" of the npm scripts, which hands signals on in a shell, run on Windows as well.
@%*
