"""Document classes (mongoengine) on the application's own MongoDB."""
