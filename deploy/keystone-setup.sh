#!/bin/sh
# Makes what Protector needs in the Keystone of one site: its user with roles, its service and its
# endpoints, and the role of those who may fail a whole site over. It can be run again: what is there is
# left or brought up to date, never doubled.
#
# It asks Keystone with the `openstack` client as whoever the environment names (OS_CLOUD, or an
# admin-openrc), which has to be an administrator. The user's password is read from PROTECTOR_PASS. The
# client gets its commands on its standard input: there no list of processes shows the password, and it
# starts five times instead of twenty.
set -eu

usage() {
    cat <<'END'
keystone-setup.sh --url URL [OPTION...]

  --url URL             where clients reach this site's API: http://controller:8788
  --internal-url URL    where services reach it; without it, as --url
  --admin-url URL       the same for the interface `admin`; without it, as --internal-url
  --region NAME         the region of the endpoints (RegionOne)
  --user NAME           Protector's user (protector)
  --service-project NAME  its own project (service)
  --domain NAME         the domain of user and projects (Default)
  --project NAME        a project to protect: the user becomes an admin in it; may be repeated
  --role NAME           one more role for the user in all of these projects, made where it is not
                        there: the one of cinder/policy.yaml is protector_service
  --openstack PROGRAM   the client (openstack)

PROTECTOR_PASS has the password of the user. Where the user is there, it gets this password.

The role dr_site_admin is made and given to nobody: who has it may fail a whole site over.
END
}

url='' internal='' admin='' region=RegionOne user=protector home=service domain=Default extra=''
client=openstack
projects=''

while [ $# -gt 0 ]; do
    case $1 in
        --help | -h) usage && exit 0 ;;
        --*) [ $# -ge 2 ] || { echo "keystone-setup: $1 needs a value" >&2 && exit 2; } ;;
        *) echo "keystone-setup: what is \`$1\`? See --help" >&2 && exit 2 ;;
    esac
    case $1 in
        --url) url=${2%/} ;;
        --internal-url) internal=${2%/} ;;
        --admin-url) admin=${2%/} ;;
        --region) region=$2 ;;
        --user) user=$2 ;;
        --service-project) home=$2 ;;
        --domain) domain=$2 ;;
        --project) projects="$projects
$2" ;;
        --role) extra=$2 ;;
        --openstack) client=$2 ;;
        *) echo "keystone-setup: there is no option $1; see --help" >&2 && exit 2 ;;
    esac
    shift 2
done
internal=${internal:-$url}
admin=${admin:-$internal}

fail() {
    echo "keystone-setup: $1" >&2
    exit 1
}

[ -n "$url" ] || fail "--url is missing; see --help"
[ -n "${PROTECTOR_PASS:-}" ] || fail "PROTECTOR_PASS is empty; export the password of the user"
case $PROTECTOR_PASS in
    *[\'\"\\\ ]* | *'
'*) fail "PROTECTOR_PASS holds a quote, a backslash, a blank or a line's end; take another password" ;;
esac

for name in "$region" "$user" "$home" "$domain" "$extra" "$projects"; do
    # The client takes its input apart at blanks, quoted or not.
    case $name in *[\'\"\\\ ]*) fail "\`$name\` holds a blank, a quote or a backslash; give its id" ;; esac
done
say() { printf '%s\n' "keystone-setup: $1"; }

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# Sends the commands of $work/ask; $work/said has what they print, without empty lines: as many as told at
# least. With commands on its standard input the client's exit code says nothing.
send() {
    rc=0
    "$client" <"$work/ask" >"$work/all" 2>"$work/errors" || rc=$?
    grep -v '^[[:space:]]*$' "$work/all" >"$work/said" || true
    if [ "$(wc -l <"$work/said")" -lt "$1" ] || [ "$rc" -gt 1 ] ||
        grep -q -e 'HTTP [45]' -e 'Unable to establish' "$work/errors"; then
        cat "$work/errors" >&2
        fail "the client $2, and what it said is above"
    fi
}
line() { sed -n "$1p" "$work/said"; }
ask() { printf '%s\n' "$1" >>"$work/ask"; }
id='-f value -c id'

: >"$work/ask"
ask "project create --or-show --domain '$domain' '$home' $id"
ask "user create --or-show --domain '$domain' --password '$PROTECTOR_PASS' '$user' $id"
ask "role create --or-show admin $id"
ask "role create --or-show service $id"
ask "role create --or-show dr_site_admin $id"
[ -z "$extra" ] || ask "role create --or-show '$extra' $id"
printf '%s\n' "$projects" | while IFS= read -r project; do
    [ -z "$project" ] || ask "project show --domain '$domain' '$project' $id"
done
asked=$(wc -l <"$work/ask")
# A line whose place tells that nothing before it is missing.
ask "role show admin -f value -c name"
ask "service list -f value -c ID -c Type"
send "$asked" "did not find or make a project, a user or a role"
if [ "$(line $((asked + 1)))" != admin ]; then
    cat "$work/errors" >&2
    fail "the client did not find a project, or make a user or a role; what it said is above"
fi
home_id=$(line 1) user_id=$(line 2) admin_role=$(line 3) service_role=$(line 4)
next=6 extra_role=''
[ -z "$extra" ] || { extra_role=$(line 6) && next=7; }
others=$(awk -v first="$next" -v last="$asked" 'NR >= first && NR <= last' "$work/said")
service_id=$(awk -v last="$asked" 'NR > last && $2 == "protector" { print $1; exit }' "$work/said")
say "role dr_site_admin: there, for those who may fail whole sites over"

: >"$work/ask"
ask "user set --password '$PROTECTOR_PASS' $user_id"
# A role twice is one role: Keystone answers the second grant as the first.
for project in $home_id $others; do
    for role in $admin_role $extra_role; do
        ask "role add --project $project --user $user_id $role"
    done
done
ask "role add --project $home_id --user $user_id $service_role"
send 0 "did not give user $user its password and roles"
if [ -z "$service_id" ]; then
    service_id=$("$client" service create --name protector \
        --description "OpenStack disaster recovery" protector -f value -c id)
    say "service protector: made"
fi

: >"$work/ask"
ask "role assignment list --user $user_id -f value -c Role -c Project"
send 2 "cannot see the roles of user $user"
for project in $home_id $others; do
    for role in $admin_role $extra_role; do
        grep -q -x "$role $project" "$work/said" || fail "user $user has no role $role in $project"
    done
done
grep -q -x "$service_role $home_id" "$work/said" || fail "user $user has no role service in $home"
say "user $user: admin, service${extra:+, $extra} in project $home; it has the password of PROTECTOR_PASS"
printf '%s\n' "$projects" | while IFS= read -r project; do
    [ -z "$project" ] || say "user $user: admin${extra:+, $extra} in project $project"
done

: >"$work/ask"
ask "endpoint list --service $service_id -f value -c ID -c Region -c Interface -c URL"
send 0 "cannot list endpoints"
awk -v region="$region" '$2 == region { print $1, $3, $4 }' "$work/said" >"$work/endpoints"
: >"$work/ask"
told=''
endpoint() {
    interface=$1 address="$2/v1/%(tenant_id)s"
    have=$(awk -v interface="$interface" '$2 == interface { print $1, $3; exit }' "$work/endpoints")
    if [ -z "$have" ]; then
        ask "endpoint create --region '$region' $service_id $interface '$address' $id"
        told="$told$interface: made, $address
"
    elif [ "${have#* }" != "$address" ]; then
        ask "endpoint set --url '$address' ${have%% *}"
        ask "endpoint show ${have%% *} $id"
        told="$told$interface: $address, where ${have#* } was
"
    else
        told="$told$interface: was there, $address
"
    fi
}
endpoint public "$url"
endpoint internal "$internal"
endpoint admin "$admin"
send "$(grep -c -e "$id\$" "$work/ask" || true)" "did not make an endpoint"
printf '%s' "$told" | while IFS= read -r one; do say "endpoint $one"; done
