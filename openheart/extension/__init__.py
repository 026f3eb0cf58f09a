"""What a Flask app gets: the extension, the page of a request, users and blueprints."""
