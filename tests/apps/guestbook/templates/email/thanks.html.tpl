<p>Thank you for your words, <b>{{ name }}</b>.</p>
