# cmdx in sh. Activate it with: eval "$(cmdx shell-init sh)", in the file that ENV names
@FUNCTIONS@
