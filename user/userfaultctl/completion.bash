# SPDX-License-Identifier: MIT
# bash completion for userfaultctl

_userfaultctl()
{
	local cur prev words cword
	_init_completion || return

	local commands='list show stat wake doctor features'
	local command=${words[1]}

	if [ "$cword" -eq 1 ]; then
		mapfile -t COMPREPLY < <(compgen -W "$commands --help" -- "$cur")
		return
	fi
	case $prev in
	--context)
		mapfile -t COMPREPLY < <(compgen -W "$(_userfaultctl_ids)" -- "$cur")
		return ;;
	--device)
		_filedir
		return ;;
	esac
	if [[ $cur == -* ]]; then
		local options='--help'
		case $command in
		list | show) options+=' --json' ;;
		stat) options+=' --json --context' ;;
		doctor | features) options+=' --json --device' ;;
		esac
		mapfile -t COMPREPLY < <(compgen -W "$options" -- "$cur")
		return
	fi
	case $command in
	show | wake)
		[ "$cword" -ne 2 ] ||
			mapfile -t COMPREPLY < <(compgen -W "$(_userfaultctl_ids)" -- "$cur") ;;
	esac
}

# Those that the user may see
_userfaultctl_ids()
{
	userfaultctl list 2>/dev/null | awk 'NR > 1 { print $1 }'
}

complete -F _userfaultctl userfaultctl
