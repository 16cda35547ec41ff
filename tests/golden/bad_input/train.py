"""Functions that a campaign may name."""


def train(params, context):
    return {"val_auc": params["learning_rate"]}


def alone(params):
    return {"val_auc": params["learning_rate"]}
