#!/bin/sh
# Stands in for git-sync (https://github.com/kubernetes/git-sync) on a local cluster, which cannot pull its image. It
# understands what an init container needs of the command line of git-sync v4, syncs once with Debian's git, leaves the
# same layout behind (a worktree below .worktrees, and a link to it), and refuses every option that it does not know.
set -eu
umask 002

fail() {
	echo "git-sync (stand-in): $*" >&2
	exit 1
}

# fetch fetches into FETCH_HEAD, or says in one line, the last one of the container, what git said.
fetch() {
	words=$(git fetch --quiet "$@" 2>&1) || fail "git fetch: $(echo "$words" | tr '\n' ' ')"
}

# Variables come first, so that the command line counts more.
for name in repo ref branch depth root link dest username password_file credential ssh_key_file ssh_known_hosts \
	ssh_known_hosts_file submodules add_user one_time; do
	upper=$(echo "$name" | tr a-z A-Z)
	eval "$name=\${GITSYNC_$upper-\${GIT_SYNC_$upper-}}"
done
while [ $# -gt 0 ]; do
	option=${1%%=*}
	case $1 in *=*) value=${1#*=} joined=true ;; *) value=true joined=false ;; esac
	case $option in
	--one-time | --add-user | --ssh | --ssh-known-hosts | --group-write) ;;
	--repo | --ref | --branch | --depth | --root | --link | --dest | --username | --password-file | --credential | \
		--ssh-key-file | --ssh-known-hosts-file | --submodules | --period | --wait | --max-failures | --sync-timeout)
		if ! $joined; then
			[ $# -gt 1 ] || fail "the option $option needs a value"
			value=$2
			shift
		fi
		;;
	*) fail "the option $option is not known to this stand-in" ;;
	esac
	eval "$(echo "${option#--}" | tr - _)=\$value"
	shift
done
[ -n "$repo" ] || fail "--repo is missing"
[ -n "$root" ] || fail "--root is missing"
case $one_time in true | 1) ;; *) fail "it can sync once only: --one-time is missing" ;; esac
leaf=${repo%/}
leaf=${leaf##*[/:]}
: "${ref:=${branch:-HEAD}}" "${depth:=1}" "${link:=${dest:-${leaf%.git}}}" "${submodules:=recursive}"

# git and ssh write to HOME and want to know who they are.
HOME=$(mktemp -d)
export HOME GIT_TERMINAL_PROMPT=0
if [ "$add_user" = true ] && ! id -un >/dev/null 2>&1; then
	echo "git-sync:x:$(id -u):$(id -g)::$HOME:/sbin/nologin" >>/etc/passwd
fi
# The volume's root belongs to the kubelet, not to us.
git config --global safe.directory '*'

ssh="ssh -i ${ssh_key_file:-/etc/git-secret/ssh}"
if [ "$ssh_known_hosts" = false ]; then
	ssh="$ssh -o UserKnownHostsFile=/dev/null -o StrictHostKeyChecking=no"
else
	ssh="$ssh -o UserKnownHostsFile=${ssh_known_hosts_file:-/etc/git-secret/known_hosts} -o StrictHostKeyChecking=yes"
fi
export GIT_SSH_COMMAND="$ssh"

# One credential, as flags or as the JSON of --credential.
field() { echo "$credential" | sed -n "s/.*\"$1\" *: *\"\([^\"]*\)\".*/\1/p"; }
if [ -n "$credential" ]; then
	username=$(field username) password_file=$(field password-file)
fi
if [ -n "$username" ]; then
	export SYNC_USERNAME="$username" SYNC_PASSWORD_FILE="$password_file" GIT_ASKPASS="$HOME/askpass"
	cat >"$GIT_ASKPASS" <<-'EOF'
		#!/bin/sh
		case $1 in Username*) echo "$SYNC_USERNAME" ;; *) cat "$SYNC_PASSWORD_FILE" ;; esac
	EOF
	chmod 700 "$GIT_ASKPASS"
fi

mkdir -p "$root"
cd "$root"
git init --quiet --initial-branch=git-sync
if [ "$depth" = 0 ]; then
	fetch "$repo" "$ref"
else
	fetch --depth "$depth" "$repo" "$ref"
fi
hash=$(git rev-parse 'FETCH_HEAD^{commit}')
# What a sync that was killed left behind is made anew.
rm -rf ".worktrees/$hash"
git worktree prune
git worktree add --quiet --detach ".worktrees/$hash" "$hash"
case $submodules in
recursive) git -C ".worktrees/$hash" submodule --quiet update --init --recursive ;;
shallow) git -C ".worktrees/$hash" submodule --quiet update --init --depth 1 ;;
off) ;;
*) fail "--submodules=$submodules is none of recursive, shallow, off" ;;
esac
mkdir -p "$(dirname "$link")"
ln -s --relative --no-dereference --force "$root/.worktrees/$hash" "$link.new"
mv --no-target-directory "$link.new" "$link"
echo "synced $repo at $hash"
