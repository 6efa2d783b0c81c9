#!/usr/bin/env bash
# Prepares Vault for the service: creates its policy, and a token role (periodic, orphan, bound to
# addresses), an AppRole or the role of an AWS login. A setting of an existing role whose option is
# not given stays as it is. Prints no secret.
set -euo pipefail

usage() {
  cat <<'TEXT'
usage: infra/vault/setup.sh [OPTIONS] [POLICY]

POLICY is a file with the token's policy, or - for standard input, such as the output of
`keysync policy vault`. The default is iam-key-sync.hcl beside this script.
VAULT_ADDR, VAULT_NAMESPACE and VAULT_CACERT select the Vault server. The token of
`vault login` must be allowed to write policies, and to read and write roles. (VAULT_TOKEN works as
well, but must be unset again before `keysync token import`.) Needs `vault`, or `bao` if there is no
`vault`.

The defaults of --period, --cidrs and --ttl are for a new role. In an existing role, a setting whose
option is not given stays as it is.

  --name NAME       name of the policy and the role (default iam-key-sync)
  --policy-only     write the policy, and no role
  --period TIME     period of the role's tokens (default 72h)
  --cidrs LIST      comma-separated addresses that may use the tokens, such as 10.20.0.0/16; '' for
                    all (default: all)
  --approle         create an AppRole instead of a token role
  --aws ARN         set up the auth method aws for the function's role (output FunctionRoleArn)
                    instead; replaces the list of admitted roles; OpenBao has this method only as
                    a plugin

With --aws:
  --region REGION   Region of the STS endpoint that Vault asks, such as ca-central-1 (required)
  --server-id TEXT  value that logins must sign, such as vault.example.org (default: unchanged)
  --mount NAME      mount of the auth method (default aws)
  --ttl TIME        lifetime of the batch tokens (default 20m)
TEXT
}

fail() {
  echo "infra/vault/setup.sh: $1" >&2
  exit 2
}

name=iam-key-sync kind=token policy="$(dirname "$0")/iam-key-sync.hcl"
policy_only='' period='' aws='' region='' server_id='' mount='' ttl=''
# An empty list removes the binding, so `cidrs` is unset without the option.
unset cidrs
while [ $# -gt 0 ]; do
  case $1 in
    --name | --period | --cidrs | --aws | --region | --server-id | --mount | --ttl)
      [ $# -ge 2 ] || fail "$1 needs a value"
      [ "$1" != --aws ] || kind=aws
      option=${1#--}
      declare "${option//-/_}=$2"
      shift
      ;;
    --approle) kind=approle ;;
    --policy-only) policy_only=1 ;;
    --help | -h)
      usage
      exit
      ;;
    -?*) fail "unknown option $1; see --help" ;;
    *) policy=$1 ;;
  esac
  shift
done
if [ "$kind" = aws ]; then
  [[ $aws =~ ^arn:[a-z-]+:iam::[0-9]{12}:role/([^*]+/)?[A-Za-z0-9_+=,.@-]+$ ]] ||
    fail "--aws $aws is not the ARN of a role; expected one such as arn:aws:iam::111122223333:role/NAME"
  : "${mount:=aws}"
  [[ $region =~ ^[a-z0-9-]+$ ]] || fail "--aws needs --region with a Region such as ca-central-1"
else
  [ -z "$region$server_id$mount$ttl" ] ||
    fail "--region, --server-id, --mount and --ttl need --aws"
fi
[ -z "$policy_only" ] || { [ "$kind" = token ] && [ -z "$period${cidrs+x}" ]; } ||
  fail "--policy-only writes no role; of the other options it takes only --name"
[ "$policy" = - ] || [ -r "$policy" ] ||
  fail "$policy cannot be read; expected a policy, see --help"
[ -n "${VAULT_ADDR:-}" ] ||
  fail "VAULT_ADDR is not set; expected an address such as https://vault.example.org:8200"

vault=$(command -v vault || command -v bao) || fail "neither vault nor bao is installed"
tool=$(basename "$vault")

[ "$policy" = - ] && policy=/dev/stdin
text=$(cat "$policy")
[ -n "$text" ] || fail "the policy is empty; expected the output of \`keysync policy vault\`"

# Adds an option's value to `settings`, or its default if it is not given and the role is new.
add() {
  local setting=$1 given=$2 default=$3 answer
  if [ -n "$given" ]; then
    settings+=("$setting=$given")
  elif ! answer=$("$vault" read -format=json "$role" 2>&1 >/dev/null); then
    case $answer in
      *'No value found'*) settings+=("$setting=$default") ;;
      *) fail "reading $role to keep its $setting: $answer; give --${setting#token_}, or use a token that may read the role" ;;
    esac
  fi
}

# What cannot be read is found before anything is written.
case $kind in
  token)
    # A period resets the lifetime at each renewal, without limit. An orphan outlives the token that
    # created it.
    role=auth/token/roles/$name
    settings=(allowed_policies="$name" orphan=true renewable=true token_type=service)
    ;;
  aws)
    # Vault needs no AWS credentials if it compares names and not unique ids. STS then names the role
    # without its path.
    role=auth/$mount/role/$name
    settings=(auth_type=iam bound_iam_principal_arn="${aws%%/*}/${aws##*/}"
      resolve_aws_unique_ids=false token_policies="$name" token_type=batch)
    ;;
  approle)
    # A secret id is valid once and for a short time. It creates one token, which is kept alive by
    # renewals.
    role=auth/approle/role/$name
    settings=(token_type=service token_policies="$name" secret_id_num_uses=1 secret_id_ttl=10m)
    [ -z "${cidrs+x}" ] || settings+=(secret_id_bound_cidrs="$cidrs")
    ;;
esac
if [ -z "$policy_only" ]; then
  [ "$kind" = token ] || methods=$("$vault" auth list -format=json)
  case $kind in
    aws) add token_ttl "$ttl" 20m ;;
    *) add token_period "$period" 72h ;;
  esac
  [ -z "${cidrs+x}" ] || settings+=(token_bound_cidrs="$cidrs")
fi

"$vault" policy write "$name" - >/dev/null <<<"$text"
if [ -n "$policy_only" ]; then
  echo "Policy \"$name\" is ready. No role was changed."
  exit
fi
case $kind in
  aws)
    case $methods in *"\"$mount/\""*) ;; *) "$vault" auth enable -path="$mount" aws >/dev/null ;; esac
    # The endpoint must be the host that the login is signed for.
    case $region in cn-*) domain=amazonaws.com.cn ;; *) domain=amazonaws.com ;; esac
    client=(sts_endpoint="https://sts.$region.$domain" sts_region="$region")
    [ -z "$server_id" ] || client+=(iam_server_id_header_value="$server_id")
    "$vault" write "auth/$mount/config/client" "${client[@]}" >/dev/null
    ;;
  approle)
    case $methods in *'"approle/"'*) ;; *) "$vault" auth enable approle >/dev/null ;; esac
    ;;
esac
"$vault" write "$role" "${settings[@]}" >/dev/null

case $kind in
  token)
    cat <<TEXT
Policy and token role "$name" are ready. Create a response-wrapped token, so that it is not
exposed, and store it:

  $tool token create -role=$name -wrap-ttl=10m -field=wrapping_token | keysync token import
TEXT
    ;;
  aws)
    cat <<TEXT
Policy and role "$name" are ready. Deploy with these inputs (in camelCase with the CDK):

  vault_auth_method        = "aws"
  vault_auth_role          = "$name"
  vault_auth_mount         = "$mount"
  vault_auth_aws_region    = "$region"
TEXT
    [ -z "$server_id" ] || echo "  vault_auth_aws_server_id = \"$server_id\""
    ;;
  approle)
    cat <<TEXT
Policy and AppRole "$name" are ready. Log in once with response wrapping, so that the token is not
exposed, and store it:

  $tool write -wrap-ttl=10m -field=wrapping_token auth/approle/login \\
    role_id="\$($tool read -field=role_id auth/approle/role/$name/role-id)" \\
    secret_id="\$($tool write -f -field=secret_id auth/approle/role/$name/secret-id)" | keysync token import
TEXT
    ;;
esac
