# bash completion for vipctl, which knows itself what may follow; files where it knows nothing.
_vipctl() {
	local line="${COMP_LINE:0:COMP_POINT}" words IFS=$' \t\n'
	read -ra words <<<"$line" # bash's own words end at = and :, too
	[[ $line == *[[:blank:]] ]] && words+=("")
	IFS=$'\n'
	COMPREPLY=($("$1" __complete "${words[@]:1}" 2>/dev/null | cut -f 1))
}
complete -o default -F _vipctl vipctl
