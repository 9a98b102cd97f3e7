"""Sentences of seven topics in Chinese, made from templates, so that a classifier trains without a download."""

from dlcore.data.topics.sentences import TopicSentence, topic_sentences

__all__ = ["TopicSentence", "topic_sentences"]
