#!/bin/sh
# Makes what Protector needs in the Keystone of one site: its user with roles, its service and its
# endpoints. It can be run again: what is there is left or brought up to date, never doubled.
#
# It asks Keystone with the `openstack` client as whoever the environment names (OS_CLOUD, or an
# admin-openrc), which has to be an administrator. The user's password is read from PROTECTOR_PASS and
# is on no command line.
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

say() { printf '%s\n' "keystone-setup: $1"; }

# The id of something by its exact name, or nothing.
id_of() {
    kind=$1 name=$2
    shift 2
    "$client" "$kind" list -f value -c ID -c Name "$@" |
        awk -v name="$name" '{ id = $1; sub(/^[^ ]* /, ""); if ($0 == name) print id }' | head -n 1
}

role() {
    id=$(id_of role "$1")
    if [ -z "$id" ]; then
        id=$("$client" role create "$1" -f value -c id)
        say "role $1: made" >&2
    fi
    printf '%s' "$id"
}

# A role twice is one role: Keystone answers the second grant as the first.
grant() {
    "$client" role add --project "$1" --user "$user_id" "$2"
}

project_of() {
    id=$(id_of project "$1" --domain "$domain")
    [ -n "$id" ] || fail "there is no project \`$1\` in domain \`$domain\`"
    printf '%s' "$id"
}

home_id=$(id_of project "$home" --domain "$domain")
if [ -z "$home_id" ]; then
    home_id=$("$client" project create --domain "$domain" "$home" -f value -c id)
    say "project $home: made"
fi

# The client reads commands from its standard input, where no process list shows the password.
quiet_command() {
    printf '%s\n' "$1" | "$client" >/dev/null
}

user_id=$(id_of user "$user" --domain "$domain")
if [ -z "$user_id" ]; then
    quiet_command "user create --domain $domain --password '$PROTECTOR_PASS' $user"
    user_id=$(id_of user "$user" --domain "$domain")
    [ -n "$user_id" ] || fail "user \`$user\` could not be made"
    say "user $user: made"
else
    quiet_command "user set --password '$PROTECTOR_PASS' $user_id"
    say "user $user: was there; it has the password of PROTECTOR_PASS now"
fi

admin_role=$(role admin)
service_role=$(role service)
grant "$home_id" "$admin_role"
grant "$home_id" "$service_role"
[ -z "$extra" ] || extra_role=$(role "$extra")
[ -z "$extra" ] || grant "$home_id" "$extra_role"
say "user $user: roles admin, service${extra:+, $extra} in project $home"
printf '%s\n' "$projects" | while IFS= read -r project; do
    [ -n "$project" ] || continue
    project_id=$(project_of "$project")
    grant "$project_id" "$admin_role"
    [ -z "$extra" ] || grant "$project_id" "$extra_role"
    say "user $user: roles admin${extra:+, $extra} in project $project"
done

service_id=$("$client" service list -f value -c ID -c Type |
    awk '$2 == "protector" { print $1; exit }')
if [ -z "$service_id" ]; then
    service_id=$("$client" service create --name protector \
        --description "OpenStack disaster recovery" protector -f value -c id)
    say "service protector: made"
fi

endpoint() {
    interface=$1 address="$2/v1/%(tenant_id)s"
    have=$("$client" endpoint list --service "$service_id" --interface "$interface" \
        --region "$region" -f value -c ID -c URL | head -n 1)
    if [ -z "$have" ]; then
        "$client" endpoint create --region "$region" "$service_id" "$interface" "$address" >/dev/null
        say "endpoint $interface: made, $address"
    elif [ "${have#* }" != "$address" ]; then
        "$client" endpoint set --url "$address" "${have%% *}"
        say "endpoint $interface: was ${have#* }, is $address"
    else
        say "endpoint $interface: was there, $address"
    fi
}

endpoint public "$url"
endpoint internal "$internal"
endpoint admin "$admin"
