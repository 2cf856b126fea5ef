"""Everybody's abbreviations and eponyms, and the words by which a document speaks of them.

An abbreviation that a document does not have is no invention where the document says in words what
it stands for, or has what is only said of that. The entries are general knowledge of the fields
whose summaries were read (research, news), not of single documents.
"""

from __future__ import annotations

from models.guard.text import stem

# Alternatives have spaces between; the parts of one that must all be there have a "+".
_STANDS_FOR = {
    # states, offices, things of every day
    "ai": "artificial", "api": "interface", "ceo": "chief executive", "cfo": "chief financial",
    "eu": "european europe", "gdp": "economy", "gpu": "graphics", "gui": "graphical+interface",
    "iot": "internet+things", "pc": "computer", "pm": "minister", "tv": "television",
    "ui": "user+interface web+page web+task", "uk": "britain british", "un": "united",
    "us": "america american states", "usa": "america american states",
    # networks
    "ann": "neural", "bert": "pretrain+language", "bilstm": "recurrent lstm",
    "cnn": "convolution convnet", "dnn": "deep+neural deep+network dnns",
    "ffn": "feedforward", "gan": "generative+adversarial adversarial+generator discriminator",
    "gcn": "graph+convolution", "gnn": "graph+neural", "gru": "recurrent", "lm": "language",
    "lstm": "recurrent rnn language+model", "mlp": "perceptron fully+connected", "nn": "neural",
    "resnet": "residual", "rnn": "recurrent lstm gru sequence+neural",
    "transformer": "attention bert", "ae": "autoencoder",
    "vae": "variational autoencoder latent+generative disentangle+generative",
    "wgan": "wasserstein gan",
    # reinforcement
    "airl": "adversarial+imitation", "ddpg": "deterministic+policy", "dqn": "reinforcement+value",
    "drl": "reinforcement", "gail": "adversarial+imitation", "irl": "inverse+reinforcement",
    "marl": "multi+agent multiagent", "mdp": "markov+decision", "ppo": "policy+gradient",
    "pomdp": "partial+observable markov+decision",
    "rl": "reinforcement policy mdp agent+reward agent+environment",
    "trpo": "trust+region", "mcts": "tree+search",
    # probability, statistics, optimization
    "adagrad": "adaptive+gradient rmsprop adam", "adam": "rmsprop adagrad adaptive+gradient",
    "bayesian": "posterior bayes prior+distribution",
    "bn": "batch+normalization", "bo": "bayesian+optimization",
    "ebm": "energy", "elbo": "variational evidence+bound", "em": "expectation",
    "fft": "fourier", "flop": "computational", "gaussian": "gaussians gp covariance",
    "gmm": "gaussian+mixture", "gp": "gaussian", "hmm": "markov", "hpo": "hyperparameter hyper",
    "iid": "independent", "jensen": "jsd", "kl": "kullback divergence",
    "map": "posterior", "markov": "mdp mdps", "mcmc": "markov", "mi": "mutual", "mle": "likelihood",
    "mmd": "discrepancy", "mse": "squared", "nas": "architecture", "automl": "architecture+search",
    "ode": "differential", "ood": "distribution", "ot": "transport", "pca": "principal",
    "pde": "partial+differential", "sgd": "stochastic+gradient gradient+descent",
    "shannon": "jsd entropy", "sgld": "langevin", "svd": "singular", "svm": "vector+machine",
    # language, speech, vision, data
    "asr": "speech", "dsl": "domain+language program+language", "ir": "retrieval",
    "kb": "knowledge", "kg": "knowledge+graph", "mt": "translation",
    "ner": "entity", "nlg": "language",
    "nlp": "linguistic bert sentence language+processing language+task text word",
    "nlu": "language", "nmt": "translation", "ocr": "character", "ptb": "penn treebank",
    "qa": "question", "seq2seq": "sequence", "tts": "speech", "vqa": "visual+question",
    "fp32": "precision float", "fp16": "precision float",
}  # fmt: skip


def _parse(text: str) -> tuple[frozenset[str], ...]:
    return tuple(frozenset(map(stem, group.split("+"))) for group in text.split())


_GROUPS = {short: _parse(text) for short, text in _STANDS_FOR.items()}


def stands_for(abbreviation: str) -> tuple[frozenset[str], ...]:
    """Return groups of stems; a document that has all of one group may be spoken of like that.

    >>> stands_for("uk") == (frozenset({"britain"}), frozenset({"british"}))
    True
    """
    return _GROUPS.get(abbreviation, ())
