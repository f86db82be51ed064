"""The login for an image of a private registry: ``auth``, ``aws_auth``, ``gcp_auth``.

The values of these are the only ones of a configuration in which ``$NAME`` is replaced, by variables of the
project and the contexts (R17). What differs from CircleCI, where a role or a service account is taken with
a token that only CircleCI can sign:

=============================  ======================================================================
written                        here
=============================  ======================================================================
``aws_auth.oidc_role_arn``     the AWS credentials of who runs it, as the AWS SDK finds them
``gcp_auth`` without ``key``   refused, with what to write in its place; unless the image is here
=============================  ======================================================================
"""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping
from typing import Any

from pipeline.config.model import DockerImage
from pipeline.errors import InvalidInput, Unavailable, excerpt

__all__ = ["registry_login"]

_VARIABLE = re.compile(r"\$(?:\{([A-Za-z_][A-Za-z0-9_]*)\}|([A-Za-z_][A-Za-z0-9_]*))")
_ECR = re.compile(r"(\d{12})\.dkr\.ecr(?:-fips)?\.([a-z0-9-]+)\.amazonaws\.com(?:\.cn)?/")
_PUBLIC_ECR = "public.ecr.aws/"
_PUBLIC_REGION = "us-east-1"
"""The only region that gives logins for ECR's public gallery."""
_CONNECT_TIMEOUT_S = 8
_ATTEMPTS = 3
"""The SDK's own limits are five attempts of a minute each."""


def registry_login(image: DockerImage, variables: Mapping[str, str]) -> dict[str, str] | None:
    """Return user name and password for an image, or None where it asks for none.

    Args:
        image: the image, with its login as written.
        variables: of the project and the job's contexts.

    Raises:
        InvalidInput: a variable of it is not given, or it is of a kind that works on CircleCI alone.
        Unavailable: AWS gives no login.
    """
    if image.auth:
        return _filled(image.auth, variables, image)
    if image.aws_auth:
        return _of_aws(_filled(image.aws_auth, variables, image), image)
    if image.gcp_auth:
        return _of_gcp(_filled(image.gcp_auth, variables, image), image)
    return None


def _filled(
    written: Mapping[str, Any], variables: Mapping[str, str], image: DockerImage
) -> dict[str, str]:
    def value(found: re.Match[str]) -> str:
        name = found[1] or found[2]
        if name not in variables:
            raise InvalidInput(
                f"the login for {image.image} needs the variable {name}, which is not given",
                hint=f"give it with `--env {name}` or in a context's file",
            )
        return variables[name]

    return {key: _VARIABLE.sub(value, str(text)) for key, text in written.items()}


def _of_gcp(login: Mapping[str, str], image: DockerImage) -> dict[str, str]:
    key = login.get("key")
    if not key:
        raise InvalidInput(
            f"the gcp_auth of {image.image} takes a service account with a token that only CircleCI signs",
            hint="pull the image by hand before the run, or write the key of a service account as"
            " `auth: {username: _json_key, password: $GCLOUD_SERVICE_KEY}`",
        )
    return {"username": "_json_key", "password": key}


def _of_aws(login: Mapping[str, str], image: DockerImage) -> dict[str, str]:
    registry = _ECR.match(image.image)
    if not registry and not image.image.startswith(_PUBLIC_ECR):
        raise InvalidInput(
            f"aws_auth is for images of ECR, and {image.image} is of another registry",
            hint="an image of ECR begins with ACCOUNT.dkr.ecr.REGION.amazonaws.com/; others take `auth`",
        )
    token = _ecr_token(login, image, registry[2] if registry else "")
    user, _, password = base64.b64decode(token).decode().partition(":")
    return {"username": user, "password": password}


def _ecr_token(login: Mapping[str, str], image: DockerImage, region: str) -> str:
    try:
        import boto3
        from botocore.config import Config
        from botocore.exceptions import BotoCoreError, ClientError
    except ImportError:
        raise Unavailable(
            f"the login for {image.image} is asked for with boto3, which is not installed",
            hint="install it (`pip install 'orbyard[s3]'`), or pull the image by hand before the run",
        ) from None
    # Without these two the SDK looks for the user's own: profile, environment, role of the machine.
    own = (
        {}
        if "oidc_role_arn" in login
        else {
            "aws_access_key_id": login.get("aws_access_key_id", ""),
            "aws_secret_access_key": login.get("aws_secret_access_key", ""),
        }
    )
    try:
        session = boto3.session.Session(region_name=region or _PUBLIC_REGION, **own)
        limits = Config(
            connect_timeout=_CONNECT_TIMEOUT_S, retries={"total_max_attempts": _ATTEMPTS}
        )
        client = session.client("ecr" if region else "ecr-public", config=limits)
        answer = client.get_authorization_token()
    except (BotoCoreError, ClientError) as error:
        raise Unavailable(
            f"AWS gives no login for {image.image}: {excerpt(str(error))}",
            hint="log in to AWS on this machine (`aws sso login`, AWS_PROFILE), or pull the image by hand"
            if "oidc_role_arn" in login
            else "are the keys of aws_auth right, and may they call ecr:GetAuthorizationToken?",
        ) from None
    data = answer["authorizationData"]
    return str((data[0] if isinstance(data, list) else data)["authorizationToken"])
