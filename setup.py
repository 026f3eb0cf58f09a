"""How openheart is packaged: metadata, dependencies, extras and entry points."""

from __future__ import annotations

import re
from pathlib import Path

from setuptools import find_packages, setup

HERE = Path(__file__).parent
SOURCE = "https://github.com/openheart/openheart"


def version() -> str:
    # Read, not imported: the dependencies are not there yet while a wheel is built.
    text = (HERE / "openheart" / "version.py").read_text(encoding="utf-8")
    found = re.search(r'^__version__(?:: [\w\[\]]+)? = "([^"]+)"$', text, re.MULTILINE)
    if found is None:
        raise RuntimeError('openheart/version.py has no line such as: __version__ = "1.2.3"')
    return found[1]


def long_description() -> str:
    # A package index shows the text away from the repository, where a relative picture or link leads nowhere.
    text = (HERE / "README.md").read_text(encoding="utf-8")
    text = re.sub(r"(!\[[^\]]*\])\((?!https?:)([^)]+)\)", rf"\1({SOURCE}/raw/main/\2)", text)
    return re.sub(r"(?<!!)(\[[^\]]*\])\((?!https?:|#)([^)]+)\)", rf"\1({SOURCE}/blob/main/\2)", text)


# The lower bounds are what requirements/min.txt installs and `make test-min` tests.
EXTRAS = {
    "amqp": ["pika>=1.3.2"],
    "gunicorn": ["gunicorn>=22.0"],
    # Older ones add no thread while one is busy, so a single stream of live events stops all the rest.
    "granian": ["granian>=2.8"],
    "locales": ["Flask-Babel>=4.0"],
    "models": ["mongoengine>=0.29.1"],
    "mongodb": ["pymongo>=4.9"],
    "pusher": ["pusher>=3.3.2"],
    "s3": ["boto3>=1.35"],
    "sessions": ["Flask-Session>=0.8", "valkey>=6.1"],
    "valkey": ["valkey>=6.1", "libvalkey>=4.0.1"],
    "webhook": ["urllib3>=2.2.1"],
}

# scheme -> the folder of its storage
SCHEMES = {
    "memory": "memory",
    "sqlite": "sqlite",
    "mongodb": "mongodb",
    "mongodb+srv": "mongodb",
    "valkey": "valkey",
    "valkeys": "valkey",
    "valkey+unix": "valkey",
    "valkey+sentinel": "valkey",
    "valkeys+sentinel": "valkey",
    "valkey+cluster": "valkey",
    "valkeys+cluster": "valkey",
    "redis": "valkey",
    "rediss": "valkey",
}
BATTERIES = (
    "amazon",
    "amqp",
    "background",
    "live",
    "locales",
    "mail",
    "models",
    "mongodb",
    "pusher",
    "sessions",
    "valkey",
    "webhook",
)

setup(
    name="openheart",
    version=version(),
    description="Emoji reactions for any page, served by Flask",
    long_description=long_description(),
    long_description_content_type="text/markdown",
    author="the openheart developers",
    license="MIT",
    license_files=["LICENSE"],
    url=SOURCE,
    project_urls={
        "Documentation": "https://openheart.github.io/openheart/",
        "Source": SOURCE,
        "Changes": f"{SOURCE}/blob/main/CHANGELOG.md",
        "Issues": f"{SOURCE}/issues",
        "Security": f"{SOURCE}/blob/main/SECURITY.md",
        "Protocol": "https://openheart.fyi",
    },
    keywords="emoji reactions openheart flask likes static-site",
    classifiers=[
        "Development Status :: 4 - Beta",
        "Environment :: Web Environment",
        "Framework :: Flask",
        "Intended Audience :: Developers",
        "Operating System :: OS Independent",
        "Programming Language :: Python :: 3",
        "Programming Language :: Python :: 3 :: Only",
        "Programming Language :: Python :: 3.11",
        "Programming Language :: Python :: 3.12",
        "Programming Language :: Python :: 3.13",
        "Programming Language :: Python :: 3.14",
        "Topic :: Internet :: WWW/HTTP :: WSGI :: Application",
        "Typing :: Typed",
    ],
    packages=find_packages(include=["openheart", "openheart.*"]),
    package_data={
        "openheart": ["py.typed"],
        "openheart.protocol": ["vectors/*.json"],
        "openheart.web": ["templates/*", "static/*", "translations/*/LC_MESSAGES/*"],
    },
    zip_safe=False,
    python_requires=">=3.11",
    install_requires=[
        "Flask>=3.0",
        "Werkzeug>=3.0.1",
        "blinker>=1.6.2",
        "click>=8.1.3",
        "crawler-user-agents>=1.50",
        "emoji>=2.14",
        "idna>=3.7",
        "python-dotenv>=1.0",
        "regex>=2024.4.16",
        "waitress>=3.0",
    ],
    extras_require={**EXTRAS, "all": sorted({needed for extra in EXTRAS.values() for needed in extra})},
    entry_points={
        "console_scripts": ["openheart = openheart.cli:main"],
        "flask.commands": ["openheart = openheart.cli:openheart_group"],
        # Other packages add storages and batteries in these groups too, by entry points of their own.
        "openheart.backends": [
            f"{scheme} = openheart.storage.{name}.row:ROW" for scheme, name in SCHEMES.items()
        ],
        "openheart.batteries": [f"{name} = openheart.batteries.{name}.row:ROW" for name in BATTERIES],
    },
)
