//! Upward over MQTT. The only module that knows rumqttc.
