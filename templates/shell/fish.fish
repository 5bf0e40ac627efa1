# cmdx in fish. Activate it with: cmdx shell-init fish | source
function __cmdx_expand --argument-names word
    # A file of that name is what is meant.
    test -e $word; and return 1
    string replace -r '^/' @BINARY@' ' -- $word
end
abbr --erase __cmdx_slash 2>/dev/null
if not abbr --add __cmdx_slash --position command --regex '/(?:@NAMES@)' --function __cmdx_expand 2>/dev/null
    # Before fish 3.6 abbreviations are fixed words: the line is rewritten when it is entered.
    function __cmdx_enter
        set -l line (commandline -b)
        set -l word (string match -r '^\s*(/(?:@NAMES@))(?:\s|$)' -- $line)
        if test (count $word) -ge 2; and not test -e $word[2]
            commandline -r -- (string replace -r '^\s*/' @BINARY@' ' -- $line)
        end
        commandline -f execute
    end
    bind \r __cmdx_enter
    bind \n __cmdx_enter
    bind -M insert \r __cmdx_enter
end
@COMPLETIONS@
