# bash completion for vipctl, which knows itself what may follow; files where it knows nothing.
_vipctl() {
	local IFS=$'\n'
	COMPREPLY=($("$1" __complete "${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null | cut -f 1))
}
complete -o default -F _vipctl vipctl
