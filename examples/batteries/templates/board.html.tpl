<!doctype html>
<html lang="{{ lang }}">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<link rel="icon" href="data:,">
<title>Ideas</title>
<style>
  body { max-width: 36rem; margin: 2.5rem auto; padding: 0 1.25rem; font: 1.05rem/1.6 system-ui, sans-serif; }
  input, button { font: inherit; padding: .3em .7em; }
  li { margin-bottom: 1.6rem; }
  li form { margin-top: .4rem; }
  ul { padding: 0; list-style: none; }
  small { opacity: .75; }
  img { display: block; max-width: 100%; margin: .5rem 0; }
</style>
{% if not user %}
<h1>Ideas</h1>
<form action="{{ url_for('login') }}" method="post">
  <input name="name" placeholder="Your name" aria-label="Your name" required>
  <input name="team" placeholder="Your team" aria-label="Your team" required>
  <button>Enter</button>
</form>
{% else %}
<h1>Ideas of {{ user.tenant }}</h1>
<p><small>{{ user.name }} · seen {{ views | numberformat }} times</small></p>
<form action="{{ url_for('add_idea') }}" method="post">
  <input name="text" placeholder="An idea" aria-label="An idea" maxlength="280" required>
  <button>Add</button>
</form>
<ul>
{% for idea in ideas %}
  <li id="{{ idea.id }}">
    {{ idea.text }} <small>{{ idea.author }}{% if idea.words %}, {{ idea.words | numberformat }} words{% endif %}</small>
    {% if idea.has_photo %}
    <img src="{{ url_for('photo', idea=idea.id) }}" alt="">
    {% else %}
    <form action="{{ url_for('photo', idea=idea.id) }}" method="post" enctype="multipart/form-data">
      <input type="file" name="photo" accept="image/png" aria-label="A photograph" required> <button>Keep</button>
    </form>
    {% endif %}
    <form action="{{ url_for('react', idea=idea.id) }}" method="post">
      {% for emoji in ("❤️", "💡", "🤔") %}
      <button name="emoji" value="{{ emoji }}">{{ emoji }} <b>{{ counts[idea.id | string][emoji] or 0 }}</b></button>
      {% endfor %}
    </form>
  </li>
{% endfor %}
</ul>
<script>
  // New ideas and other members' reactions appear without a reload.
  const live = new EventSource({{ channel | tojson }});
  live.onmessage = (event) => {
    const { idea, counts } = JSON.parse(event.data).data;
    const there = document.getElementById(idea);
    if (!there) return location.reload();
    if (!counts) return;
    for (const button of there.querySelectorAll("[name=emoji]"))
      button.lastElementChild.textContent = counts[button.value] ?? 0;
  };
</script>
{% endif %}
