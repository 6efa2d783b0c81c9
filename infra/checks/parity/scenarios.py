"""The compared deployments. Together they use every input, so that each has the same effect in
both stacks.
"""

from infra.checks.workspace import MODULE

_ARN = "arn:aws:{}:ca-central-1:111122223333:{}"
_PACKAGE = str(MODULE / "tests/package.zip")
_CA = str(MODULE / "tests/ca.pem")
_TARGETS = str(MODULE / "tests/targets.json")

SCENARIOS = {
    "defaults": {"zip": _PACKAGE, "vault_addr": "https://vault.example.org:8200"},
    "everything created": {
        "zip": _PACKAGE,
        "architecture": "x86_64",
        "vault_addr": "https://vault.example.org",
        "vault_ca_file": _CA,
        "vault_namespace": "ministry/team",
        "vault_mount": "kv",
        "vault_path_prefix": "keys",
        "targets_file": _TARGETS,
        "token_refresh_threshold_hours": 12,
        "parameter_prefix": "/elsewhere/iam/",
        "parameter_suffix": "-keys",
        "user_table": "ROSTER",
        "user_list": ["alice", "bob"],
        "on_user_deleted": "soft-delete",
        "sync_interval_hours": 20,
        "function_timeout_seconds": 20,
        "memory_mib": 512,
        "reserved_concurrency": 7,
        "tracing": True,
        "log_level": "debug",
        "log_retention_days": 30,
        "role_path": "/service/",
        "sync_concurrency": 4,
        "ssm_max_calls_per_second": 5,
        "queue_delay_seconds": 0,
        "max_concurrency": 3,
        "enabled": False,
        "schedule_time_zone": "UTC",
        "sweep_schedule": "cron(0 4 * * ? *)",
        "token_refresh_schedule": "rate(3 hours)",
        "vpc_id": "vpc-0123456789abcdef0",
        "subnet_ids": ["subnet-0123456789abcdef0", "subnet-0123456789abcdef1"],
        "vault_cidrs": ["10.1.0.0/16", "10.2.0.0/16"],
        "endpoint_prefix_list_ids": ["pl-01234567", "pl-01234568"],
        "vpc_endpoints": ["ssm", "s3", "dynamodb"],
        "route_table_ids": ["rtb-0123456789abcdef0"],
        "encrypt_logs": True,
        "alarm_emails": ["oncall@example.org"],
        "bucket_name": "given-bucket",
        "tags": {"Ministry": "WLRS"},
    },
    "everything given": {
        "package_bucket": "packages",
        "package_key": "function.zip",
        "package_version": "1",
        "code_signing_config_arn": _ARN.format(
            "lambda", "code-signing-config:csc-0123456789abcdef0"
        ),
        "vault_addr": "https://vault.example.org:8200",
        "user_table": "-",
        "parameter_kms_key_arn": _ARN.format("kms", "key/11111111-2222-3333-4444-555555555555"),
        "permissions_boundary_arn": "arn:aws:iam::111122223333:policy/boundary",
        "queue_visibility_seconds": 300,
        "log_group_name": "/platform/iam-key-sync",
        "additional_security_group_ids": ["sg-0123456789abcdef9"],
        "vpc_id": "vpc-0123456789abcdef0",
        "subnet_ids": ["subnet-0123456789abcdef0"],
        "vault_cidrs": ["10.1.0.0/16"],
        "endpoint_security_group_ids": ["sg-0123456789abcdef1"],
        "endpoint_cidrs": ["10.3.0.0/24"],
        "kms_key_arn": _ARN.format("kms", "key/66666666-7777-8888-9999-000000000000"),
        "earlier_kms_key_arns": [
            _ARN.format("kms", "key/77777777-7777-8888-9999-000000000000"),
            _ARN.format("kms", "key/88888888-7777-8888-9999-000000000000"),
        ],
        "alarm_topic_arn": _ARN.format("sns", "office"),
        "page_topic_arn": _ARN.format("sns", "pager"),
    },
    "given roles": {
        "zip": _PACKAGE,
        "vault_addr": "https://vault.example.org",
        "function_role_arn": "arn:aws:iam::111122223333:role/function",
        "scheduler_role_arn": "arn:aws:iam::111122223333:role/scheduler",
        "vpc_id": "vpc-0123456789abcdef0",
        "subnet_ids": ["subnet-0123456789abcdef0"],
        "vault_cidrs": ["10.1.0.0/16", "10.2.0.0/16"],
        "endpoint_cidrs": ["10.1.0.0/16", "10.3.0.0/24"],
    },
    "login": {
        "zip": _PACKAGE,
        "vault_addr": "https://vault.example.org:8200",
        "vault_auth_method": "aws",
        "vault_auth_role": "iam-key-sync",
        "vault_auth_mount": "team/aws",
        "vault_auth_aws_region": "us-east-1",
        "vault_auth_aws_server_id": "vault.example.org",
    },
    "no key": {
        "zip": _PACKAGE,
        "vault_addr": "https://vault.example.org:8200",
        "create_kms_key": False,
    },
}


def unused(inputs: list) -> list:
    """Returns the inputs of both stacks that no scenario uses."""
    used = {name for chosen in SCENARIOS.values() for name in chosen}
    return sorted(
        entry["name"] for entry in inputs if "only" not in entry and entry["name"] not in used
    )
