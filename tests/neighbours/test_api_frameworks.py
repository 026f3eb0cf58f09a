"""Flask-RESTX, APIFlask, flask-smorest and flasgger: their documents, their views, and our errors in them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from apiflask import APIBlueprint, APIFlask
from flasgger import Swagger
from flask import Blueprint, Flask
from flask.views import MethodView
from flask_restx import Api as RestxApi
from flask_restx import Namespace, Resource
from flask_smorest import Api as SmorestApi
from flask_smorest import Blueprint as SmorestBlueprint

import openheart
from openheart import ApiError, ApiException, ApiResult, OpenHeart

from .host import add_pages, assert_all_works, host

PROBLEM, JSON = "application/problem+json", "application/json"
ERRORS: dict[str, Callable[[], Exception]] = {
    "400": lambda: ApiException("Numbers must be integers"),
    "404": lambda: ApiException("No such number", 404),
    "409": lambda: ApiError(409, "Taken", "That number is taken", numbers=[7]),
}


def answer(name: str) -> Any:
    if name in ERRORS:
        raise ERRORS[name]()
    return ApiResult({"name": name, "counts": openheart.reactions("posts/rye")}, 201)


def add_openheart(app: Flask) -> None:
    OpenHeart(app, env=False, uri="memory:")
    add_pages(app)


def restx(in_blueprint: bool) -> Flask:
    """Flask-RESTX, in which a resource may return a response."""
    app = host(RESTX_MASK_SWAGGER=False)
    namespace = Namespace("numbers", path="/numbers")

    @namespace.route("/<name>")
    class Number(Resource):
        def get(self, name: str) -> Any:
            return answer(name)

    add_openheart(app)
    if in_blueprint:
        blueprint = Blueprint("api", "api", url_prefix="/api")
        RestxApi(blueprint, doc="/docs").add_namespace(namespace)
        app.register_blueprint(blueprint)
    else:
        RestxApi(app, prefix="/api", doc="/api/docs").add_namespace(namespace)
    return app


def apiflask(in_blueprint: bool) -> Flask:
    app: Flask = APIFlask("site", spec_path="/api/swagger.json", docs_path="/api/docs")
    app.config.update(SECRET_KEY="for the test", TESTING=True)
    add_openheart(app)
    if in_blueprint:
        blueprint = APIBlueprint("api", "api", url_prefix="/api")
        blueprint.get("/numbers/<name>")(answer)
        app.register_blueprint(blueprint)
    else:
        app.get("/api/numbers/<name>")(answer)
    return app


def smorest(in_blueprint: bool) -> Flask:
    # It has no views outside blueprints of its own.
    app = host(
        API_TITLE="Numbers",
        API_VERSION="1",
        OPENAPI_VERSION="3.1.0",
        OPENAPI_URL_PREFIX="/api",
        OPENAPI_JSON_PATH="swagger.json",
        OPENAPI_SWAGGER_UI_PATH="/docs",
        OPENAPI_SWAGGER_UI_URL="https://cdn.example/",
    )
    add_openheart(app)
    blueprint = SmorestBlueprint("api", "api", url_prefix="/api")
    if in_blueprint:

        @blueprint.route("/numbers/<name>")
        class Number(MethodView):
            @blueprint.response(201)
            def get(self, name: str) -> Any:
                return answer(name)
    else:
        blueprint.route("/numbers/<name>")(blueprint.response(201)(answer))
    SmorestApi(app).register_blueprint(blueprint)
    return app


def flasgger(in_blueprint: bool) -> Flask:
    config = {
        **Swagger.DEFAULT_CONFIG,
        "specs_route": "/api/docs",
        "specs": [{"endpoint": "spec", "route": "/api/swagger.json"}],
    }
    app = host()
    add_openheart(app)

    def number(name: str) -> Any:
        """A number.
        ---
        responses:
          201: {description: It}
        """
        return answer(name)

    if in_blueprint:
        blueprint = Blueprint("api", "api", url_prefix="/api")
        blueprint.get("/numbers/<name>")(number)
        app.register_blueprint(blueprint)
    else:
        app.get("/api/numbers/<name>")(number)
    Swagger(app, config=config)
    return app


FRAMEWORKS = (restx, apiflask, smorest, flasgger)
each_framework = pytest.mark.parametrize("make", FRAMEWORKS, ids=lambda make: make.__name__)
with_and_without_blueprint = pytest.mark.parametrize("in_blueprint", [False, True])


@each_framework
@with_and_without_blueprint
def test_everything_works(make: Callable[[bool], Flask], in_blueprint: bool) -> None:
    assert_all_works(make(in_blueprint))


@each_framework
@with_and_without_blueprint
def test_its_document_and_its_page_list_the_views_of_the_app(
    make: Callable[[bool], Flask], in_blueprint: bool
) -> None:
    client = make(in_blueprint).test_client()
    document = client.get("/api/swagger.json")
    assert document.json is not None
    paths = {path.removeprefix("/api"): sorted(methods) for path, methods in document.json["paths"].items()}
    assert paths["/numbers/{name}"][0] == "get"
    ours = {path: methods for path, methods in paths.items() if path.startswith("/openheart")}
    # APIFlask lists every route of the app.
    assert ours.get("/openheart/{target}", ["get", "post"]) == ["get", "post"]
    assert ours.get("/openheart/-/healthz", ["get"]) == ["get"]
    assert bool(ours) is (make is apiflask)
    assert client.get("/api/docs", follow_redirects=True).status_code == 200
    assert "/{target}" in client.get("/openheart/-/openapi.json").text


def test_apiflask_can_hide_our_routes() -> None:
    app = apiflask(False)
    for name, view in [*app.view_functions.items()]:
        if name.startswith("openheart."):
            app.view_functions[name] = app.doc(hide=True)(view)  # type: ignore[attr-defined]
    document = app.test_client().get("/api/swagger.json").json
    assert document is not None
    assert [*document["paths"]] == ["/", "/api/numbers/{name}", "/posts/{slug}/"]
    assert_all_works(app)


@each_framework
@with_and_without_blueprint
@pytest.mark.parametrize(
    "mode",
    [
        {"TESTING": False},
        {"TESTING": True},
        {"DEBUG": True, "TESTING": False},
        {"PROPAGATE_EXCEPTIONS": True},
        {"PROPAGATE_EXCEPTIONS": False, "TESTING": False},
    ],
    ids=str,
)
def test_a_view_raises_our_errors_and_returns_our_results(
    make: Callable[[bool], Flask], in_blueprint: bool, mode: dict[str, bool]
) -> None:
    app = make(in_blueprint)
    app.config.update(mode)
    client = app.test_client()

    result = client.get("/api/numbers/one")
    assert (result.status_code, result.json) == (201, {"name": "one", "counts": {}})
    for name, status, detail in (
        ("400", 400, "Numbers must be integers"),
        ("404", 404, "No such number"),
        ("409", 409, "That number is taken"),
    ):
        refused = client.get(f"/api/numbers/{name}")
        assert refused.status_code == status
        # Flask-RESTX writes its own answers.
        assert refused.mimetype == (JSON if make is restx else PROBLEM)
        assert refused.get_json(force=True)["detail"] == detail
        assert refused.get_json(force=True)["status"] == status
    assert refused.get_json(force=True)["numbers"] == [7]
