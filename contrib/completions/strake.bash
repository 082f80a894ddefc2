# bash completion for strake. Made from the option tables in src/cmd by `make regenerate`.
# shellcheck shell=bash

_strake_verbs='doctor gc help images import inspect login logout mount ps pull push reset rm rmi run tag umount unpack unshare version'

_strake_images() {
	strake images 2>/dev/null |
		awk 'NR > 1 { print ($2 == "<none>" ? $3 : $1 ":" $2) }'
}
_strake_containers() {
	strake ps -a 2>/dev/null | awk 'NR > 1 { print $NF }'
}

# VERB: its options
_strake_options() {
	case $1 in
	'') echo '--quiet -q --store --verbose -v --version --help' ;;
	doctor) echo '--format --help' ;;
	gc) echo '--dry-run --help' ;;
	images) echo '--digests --format --no-trunc --quiet -q --help' ;;
	import) echo '--change -c --max-unpacked-size --message -m --platform --quiet -q --help' ;;
	inspect) echo '--format --help' ;;
	login) echo '--authfile --cert-dir --password-stdin --tls-verify --username -u --help' ;;
	logout) echo '--all -a --authfile --help' ;;
	mount) echo '--format --rw --upper --help' ;;
	ps) echo '--all -a --format --no-trunc --quiet -q --help' ;;
	pull) echo '--authfile --cert-dir --creds --max-unpacked-size --platform --quiet -q --tls-verify --help' ;;
	push) echo '--authfile --cert-dir --creds --quiet -q --tls-verify --help' ;;
	reset) echo '--force -f --help' ;;
	rm) echo '--force -f --help' ;;
	rmi) echo '--force -f --help' ;;
	run) echo '--authfile --dry-run --entrypoint --env -e --env-file --hostname -h --interactive -i --mount --name --overlay --platform --pull --quiet -q --read-only --rm --security-opt --tls-verify --tmpfs --tty -t --user -u --userns --volume -v --workdir -w --help' ;;
	unpack) echo '--max-unpacked-size --help' ;;
	unshare) echo '--userns --help' ;;
	version) echo '--format --help' ;;
	*) echo '--help' ;;
	esac
}

# VERB,OPTION: what its value is; nothing for an option that takes none
_strake_value() {
	case $1 in
	,--store) echo 'directory' ;;
	doctor,--format) echo 'words json text' ;;
	images,--format) echo 'words json table' ;;
	import,-c | import,--change) echo 'none' ;;
	import,--max-unpacked-size) echo 'none' ;;
	import,-m | import,--message) echo 'none' ;;
	import,--platform) echo 'none' ;;
	inspect,--format) echo 'words json' ;;
	login,--authfile) echo 'file' ;;
	login,--cert-dir) echo 'directory' ;;
	login,-u | login,--username) echo 'none' ;;
	logout,--authfile) echo 'file' ;;
	mount,--format) echo 'words json table' ;;
	mount,--upper) echo 'directory' ;;
	ps,--format) echo 'words json table' ;;
	pull,--authfile) echo 'file' ;;
	pull,--cert-dir) echo 'directory' ;;
	pull,--creds) echo 'none' ;;
	pull,--max-unpacked-size) echo 'none' ;;
	pull,--platform) echo 'none' ;;
	push,--authfile) echo 'file' ;;
	push,--cert-dir) echo 'directory' ;;
	push,--creds) echo 'none' ;;
	run,--authfile) echo 'file' ;;
	run,--entrypoint) echo 'none' ;;
	run,-e | run,--env) echo 'none' ;;
	run,--env-file) echo 'file' ;;
	run,-h | run,--hostname) echo 'none' ;;
	run,--mount) echo 'none' ;;
	run,--name) echo 'none' ;;
	run,--overlay) echo 'words auto kernel fuse copy' ;;
	run,--platform) echo 'none' ;;
	run,--pull) echo 'words always missing never' ;;
	run,--security-opt) echo 'none' ;;
	run,--tmpfs) echo 'none' ;;
	run,-u | run,--user) echo 'none' ;;
	run,--userns) echo 'words auto range single keep-id' ;;
	run,-v | run,--volume) echo 'file' ;;
	run,-w | run,--workdir) echo 'none' ;;
	unpack,--max-unpacked-size) echo 'none' ;;
	unshare,--userns) echo 'words auto range single keep-id' ;;
	version,--format) echo 'words json text' ;;
	esac
}

# VERB: what its arguments are
_strake_arguments() {
	case $1 in
	help) echo 'verb' ;;
	images) echo 'image' ;;
	import) echo 'file' ;;
	inspect) echo 'object' ;;
	login) echo 'none' ;;
	logout) echo 'none' ;;
	mount) echo 'image' ;;
	pull) echo 'image' ;;
	push) echo 'image' ;;
	rm) echo 'container' ;;
	rmi) echo 'image' ;;
	run) echo 'image' ;;
	tag) echo 'image' ;;
	umount) echo 'directory' ;;
	unpack) echo 'image' ;;
	unshare) echo 'command' ;;
	esac
}

_strake() {
	local cur prev words cword verb='' i kind
	if declare -F _get_comp_words_by_ref >/dev/null; then
		_get_comp_words_by_ref -n =: cur prev words cword
	else
		cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]}
		words=("${COMP_WORDS[@]}") cword=$COMP_CWORD
	fi
	for ((i = 1; i < cword; i++)); do
		if [[ ${words[i]} != -* ]]; then
			verb=${words[i]}
			break
		elif [[ -n $(_strake_value ,"${words[i]}") ]]; then
			((i++))
		fi
	done
	local typed=$cur
	if [[ $cur == --*=* ]]; then
		kind=$(_strake_value "$verb,${cur%%=*}")
		cur=${cur#*=}
	else
		kind=$(_strake_value "$verb,$prev")
	fi
	if [[ -z $kind && $cur == -* ]]; then
		kind="words $(_strake_options "$verb")"
	elif [[ -z $kind && -z $verb ]]; then
		kind=verb
	elif [[ -z $kind ]]; then
		kind=$(_strake_arguments "$verb")
	fi
	case $kind in
	file) mapfile -t COMPREPLY < <(compgen -f -- "$cur") ;;
	directory) mapfile -t COMPREPLY < <(compgen -d -- "$cur") ;;
	command) mapfile -t COMPREPLY < <(compgen -c -- "$cur") ;;
	image) mapfile -t COMPREPLY < <(compgen -W "$(_strake_images)" -- "$cur") ;;
	container) mapfile -t COMPREPLY < <(compgen -W "$(_strake_containers)" -- "$cur") ;;
	object)
		mapfile -t COMPREPLY < <(compgen -W "$(_strake_images) $(_strake_containers)" -- "$cur")
		;;
	verb) mapfile -t COMPREPLY < <(compgen -W "$_strake_verbs" -- "$cur") ;;
	words\ *) mapfile -t COMPREPLY < <(compgen -W "${kind#words }" -- "$cur") ;;
	esac
	if declare -F __ltrim_colon_completions >/dev/null && [[ $typed == "$cur" ]]; then
		__ltrim_colon_completions "$cur"
	fi
}
complete -o default -F _strake strake
