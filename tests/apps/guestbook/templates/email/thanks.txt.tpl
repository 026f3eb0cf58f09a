Thank you for your words, {{ name }}.
