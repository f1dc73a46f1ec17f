# fish completion for vipctl, which knows itself what may follow; files where it knows nothing.
function __vipctl_words
	set -l words (commandline -opc) (commandline -ct)
	set -l found ($words[1] __complete $words[2..-1] 2>/dev/null)
	if test (count $found) -gt 0
		string join \n -- $found
	else
		__fish_complete_path (commandline -ct)
	end
end
complete -c vipctl -f -a '(__vipctl_words)'
