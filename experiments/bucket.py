"""`python -m experiments.bucket NAME` makes a bucket on the artifact server if it is not there yet.

Only the preparation of a team's installation runs it: boto3 is in `requirements-team.txt`.
"""

from __future__ import annotations

import os
import sys

import boto3
from botocore.exceptions import ClientError


def make_bucket(name: str) -> None:
    """Make it, unless it is there."""
    client = boto3.client("s3", endpoint_url=os.environ["MLFLOW_S3_ENDPOINT_URL"])
    try:
        client.head_bucket(Bucket=name)
    except ClientError:
        client.create_bucket(Bucket=name)


if __name__ == "__main__":
    make_bucket(sys.argv[1])
