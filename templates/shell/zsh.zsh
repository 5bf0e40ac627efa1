# cmdx in zsh. Activate it with: eval "$(cmdx shell-init zsh)"
@FUNCTIONS@
if (( $+functions[compdef] )); then
@COMPLETIONS@
__cmdx_arguments() {
  local name=${words[1]#/}
  words=(cmdx "$name" "${(@)words[2,-1]}")
  (( CURRENT++ ))
  _cmdx
}
compdef __cmdx_arguments @SLASHED@
if [[ ${_comps[-command-]} != __cmdx_first ]]; then
  typeset -g __cmdx_first_before=${_comps[-command-]:-_command_names}
  __cmdx_first() {
    if [[ $PREFIX == /* && $PREFIX != /*/* ]]; then
      local word; local -a words_of_ours
      for word in @SLASHED@; do [[ -e $word ]] || words_of_ours+=("$word"); done
      compadd -- "${words_of_ours[@]}"
    fi
    $__cmdx_first_before
  }
  compdef __cmdx_first -command-
fi
fi
