"""What tests ask of the deployed stack: its function, its role, and what is left of it.

Must not know what a permission is for: it takes and gives statements as they are.
"""
import json
import time

from local.invoke import invoke
from local.process import StackError, wait_until

_POLICY = "IamKeySync"


class Deployed:
    def __init__(self, clients, outputs: dict):
        self._clients, self._function = clients, outputs["FunctionName"]

    def invoke(self, payload: dict) -> dict:
        answer, failed = invoke(self._clients, self._function, payload)
        return {"answer": answer, "failed": failed}

    def look(self) -> dict:
        """The function's configuration, and how many messages each queue holds, waiting or in work."""
        configuration = getattr(self._clients, "lambda").get_function_configuration(FunctionName=self._function)
        return {"memoryMib": configuration["MemorySize"], "variables": configuration["Environment"]["Variables"],
                "queues": {url.rsplit("/", 1)[-1]: self._messages(url) for url in self._clients.sqs.list_queues().get("QueueUrls", [])}}

    def role(self, statements: list = None) -> dict:
        """The statements of the function's role; before that they become `statements`, if there are any."""
        function = getattr(self._clients, "lambda").get_function_configuration(FunctionName=self._function)
        role = function["Role"].rsplit("/", 1)[-1]
        if statements is not None:
            document = json.dumps({"Version": "2012-10-17", "Statement": statements})
            self._clients.iam.put_role_policy(RoleName=role, PolicyName=_POLICY, PolicyDocument=document)
            self._renew(function)
        return {"role": self._clients.iam.get_role_policy(RoleName=role, PolicyName=_POLICY)["PolicyDocument"]["Statement"]}

    def _messages(self, url: str) -> int:
        counts = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        found = self._clients.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=counts)["Attributes"]
        return sum(int(found[count]) for count in counts)

    def _renew(self, function: dict) -> None:
        """Another environment makes Lambda start a new instance, which remembers nothing."""
        variables = {**function["Environment"]["Variables"], "RENEWED": str(time.monotonic_ns())}
        lambdas = getattr(self._clients, "lambda")
        lambdas.update_function_configuration(FunctionName=self._function, Environment={"Variables": variables})
        updated = lambda: lambdas.get_function_configuration(FunctionName=self._function).get("LastUpdateStatus") != "InProgress"
        if not wait_until(updated, 20):
            raise StackError("the function's new configuration did not become active")


def left(clients) -> dict:
    """Buckets, keys, functions and queues that exist, without what the CDK's bootstrap made."""
    buckets = [bucket["Name"] for bucket in clients.s3.list_buckets()["Buckets"] if not bucket["Name"].startswith("cdk-")]
    keys = [clients.kms.describe_key(KeyId=key["KeyId"])["KeyMetadata"] for key in clients.kms.list_keys()["Keys"]]
    return {
        "buckets": buckets,
        "keys": [{"arn": key["Arn"], "state": key["KeyState"], "manager": key["KeyManager"]} for key in keys],
        "functions": [function["FunctionName"] for function in getattr(clients, "lambda").list_functions()["Functions"]],
        "queues": clients.sqs.list_queues().get("QueueUrls", []),
    }
