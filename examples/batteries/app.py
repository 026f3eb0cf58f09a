"""A board of ideas for teams, with every battery in one app.

Shows: background work, mail, sessions and counters in Valkey, documents in MongoDB, AMQP, S3, Pusher, a
       webhook, languages, users with their own targets, and live events.
Requires: pip install '../..[all]', and the servers of compose.yaml: docker compose up --wait
Run: python app.py, with the settings of those servers, which docs/examples.rst lists; open http://127.0.0.1:5000
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import models
from flask import Response, abort, redirect, render_template, request, session, url_for
from flask.typing import ResponseReturnValue

import openheart

app = openheart.load(
    name=__name__,
    locales=("en_us", "de"),
    redis_session=True,
    mongo_database="ideas",
    models=models,
    live=True,
)


@dataclass(frozen=True)
class User:
    """The user who is logged in; the tenant is the team."""

    name: str
    tenant: str


@openheart.user_loader
def find_user() -> User | None:
    """The user from the session, which is in Valkey."""
    return User(session["name"], session["team"]) if "name" in session else None


def member() -> User:
    """The user, who must be logged in."""
    user: User | None = openheart.get_user()
    return user or abort(redirect(url_for("board")))


def board_of(team: str) -> str:
    """The channel of a team's board, live and at Pusher."""
    return f"private-board-{team.encode().hex()}"


@app.get("/")
def board() -> str:
    """The ideas of the user's team with their counts, all of them in one call of the storage."""
    user: User | None = openheart.get_user()
    if user is None:
        return render_template("board.html.tpl", lang="en")
    ideas = list(models.Idea.objects(team=user.tenant))
    counts = openheart.scoped().reactions_of(str(idea.id) for idea in ideas)
    channel = openheart.live.live_url(board_of(user.tenant))
    views = openheart.valkey.get_connection().incr(f"views:{user.tenant}")
    lang = openheart.locales.get_locale().replace("_", "-")
    return render_template(
        "board.html.tpl", user=user, ideas=ideas, counts=counts, channel=channel, views=views, lang=lang
    )


@app.post("/login")
def login() -> ResponseReturnValue:
    """No password: this is an example."""
    openheart.sessions.renew_session()
    session["name"], session["team"] = request.form["name"], request.form["team"]
    return redirect(url_for("board"))


@app.post("/ideas")
def add_idea() -> ResponseReturnValue:
    """Save an idea, queue it for a worker, and notify the team by mail without making the author wait."""
    user = member()
    idea = models.Idea(team=user.tenant, author=user.name, text=request.form["text"]).save()
    openheart.amqp.publish("ideas", {"id": str(idea.id)})
    openheart.run_background(notify, (user, idea.text))
    openheart.live.emit(board_of(user.tenant), {"idea": str(idea.id), "text": idea.text})
    return redirect(url_for("board"))


def notify(user: User, text: str) -> None:
    """Send a mail to the team; runs in the background."""
    openheart.send_mail(
        subject=f"An idea of {user.name}",
        sender="Ideas <ideas@example.org>",
        receivers=["team@example.org"],
        plain="mail/idea.txt",
        rich="mail/idea.html",
        context={"user": user, "text": text},
    )


@openheart.amqp.consumer("ideas")
def read_idea(message: openheart.amqp.Message) -> None:
    """Count the words of an idea, in a thread that reconnects to the broker. A message may arrive twice."""
    for idea in models.Idea.objects(id=message.json["id"]):
        idea.update(words=len(idea.text.split()))


@app.post("/ideas/<idea>/react")
def react(idea: str) -> ResponseReturnValue:
    """React to an idea of the user's own team; the ideas of other teams are not found."""
    user = member()
    found = models.Idea.objects(id=idea, team=user.tenant).first() or abort(404)
    counts = openheart.scoped().react(str(found.id), request.form["emoji"])
    openheart.pusher.trigger(board_of(user.tenant), "reaction", {"idea": idea, "counts": counts})
    openheart.live.emit(board_of(user.tenant), {"idea": idea, "counts": counts})
    return redirect(url_for("board"))


@app.route("/ideas/<idea>/photo", methods=["GET", "POST"])
def photo(idea: str) -> ResponseReturnValue:
    """Store a photograph in the bucket, and stream it back."""
    found: Any = models.Idea.objects(id=idea, team=member().tenant).first() or abort(404)
    if request.method == "POST":
        data = request.files["photo"].stream
        openheart.amazon.put_amazon_key(f"photos/{found.id}", data, content_type="image/png")
        found.update(has_photo=True)
        return redirect(url_for("board"))
    if not openheart.amazon.exists_amazon_key(f"photos/{found.id}"):
        abort(404)
    return Response(openheart.amazon.get_amazon_key(f"photos/{found.id}").chunks(), mimetype="image/png")


@app.post("/pusher/auth")
def pusher_auth() -> ResponseReturnValue:
    """Sign the subscription of a browser to the channel of its own team."""
    user = member()
    if request.form["channel_name"] != board_of(user.tenant):
        abort(403)
    return openheart.pusher.authenticate(request.form["channel_name"], request.form["socket_id"])


if __name__ == "__main__":
    openheart.run()
