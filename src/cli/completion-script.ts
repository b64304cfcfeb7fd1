// The completion scripts. They ask `pgherd __complete` at each Tab, so they never grow old. Pure.

export type Shell = 'bash' | 'zsh' | 'fish'

export const shells: readonly Shell[] = ['bash', 'zsh', 'fish']

const bash = `# bash completion for pgherd
_pgherd() {
  local line
  local -a found
  mapfile -t found < <(pgherd __complete "\${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null)
  COMPREPLY=()
  if [[ \${found[0]} == ':files' ]]; then
    compopt -o default
    return
  fi
  for line in "\${found[@]}"; do
    COMPREPLY+=("\${line%%$'\\t'*}")
  done
}
complete -F _pgherd pgherd
`

const zsh = `#compdef pgherd
# zsh completion for pgherd
_pgherd() {
  local line
  local -a found candidates
  found=("\${(@f)$(pgherd __complete "\${(@)words[2,CURRENT]}" 2>/dev/null)}")
  if [[ \${found[1]} == ':files' ]]; then
    _files
    return
  fi
  for line in $found; do
    candidates+=("\${\${line%%$'\\t'*}//:/\\\\:}:\${line#*$'\\t'}")
  done
  _describe pgherd candidates
}
if [[ \${funcstack[1]} == _pgherd ]]; then
  _pgherd "$@"
else
  compdef _pgherd pgherd
fi
`

const fish = `# fish completion for pgherd
function __pgherd_complete
  set -l before (commandline -opc)
  set -l current (commandline -ct)
  set -l found (pgherd __complete $before[2..-1] "$current" 2>/dev/null)
  if test "$found[1]" = ':files'
    __fish_complete_path "$current"
  else
    printf '%s\\n' $found
  end
end
complete -c pgherd -f -a '(__pgherd_complete)'
`

export function completionScript(shell: Shell): string {
  switch (shell) {
    case 'bash':
      return bash
    case 'zsh':
      return zsh
    case 'fish':
      return fish
  }
}
