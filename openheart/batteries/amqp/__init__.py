"""An AMQP broker: connections, messages, consumers and the functions that applications call."""
