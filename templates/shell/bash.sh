# cmdx in bash. Activate it with: eval "$(cmdx shell-init bash)"
if shopt -qo posix; then
  echo "cmdx: bash --posix takes no names with a slash for functions; type cmdx @FIRST@, or start bash without it" >&2
else
@FUNCTIONS@
@COMPLETIONS@
__cmdx_arguments() {
  COMP_WORDS=(cmdx "${1#/}" "${COMP_WORDS[@]:1}")
  COMP_CWORD=$((COMP_CWORD + 1))
  _cmdx cmdx "$2" "$3"
}
complete -o bashdefault -o default -F __cmdx_arguments @SLASHED@
__cmdx_first() {
  COMPREPLY=()
  local word
  if [[ $2 == /* && $2 != /*/* ]]; then
    for word in @SLASHED@; do
      if [[ $word == "$2"* && ! -e $word ]]; then COMPREPLY+=("$word"); fi
    done
    if [[ ${#COMPREPLY[@]} -gt 0 ]]; then
      while IFS= read -r word; do COMPREPLY+=("$word"); done < <(compgen -f -- "$2")
    fi
  fi
}
if ((BASH_VERSINFO[0] >= 5)) && ! complete -p -I >/dev/null 2>&1; then
  complete -I -o bashdefault -o default -o filenames -F __cmdx_first
fi
fi
