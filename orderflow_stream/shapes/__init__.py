"""The shapes of everything that is answered or streamed, as types: one truth for the API's document, the Python client
and the tests, which hold every real answer against them. Each field says its unit and its meaning."""
