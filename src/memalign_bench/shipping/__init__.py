"""An aligned judge as JSON and in MLflow: export, load."""
