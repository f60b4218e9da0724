"""From files to padded batches: sources, vocabularies and samplers.

Public names are imported on first use: reading text needs no torch. The Lightning data module is in
`seqtrain.data.datamodule`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from seqtrain.errors import DataError
from seqtrain.lazy import lazy_attributes

if TYPE_CHECKING:
    from seqtrain.data.augment import RandomAffine, RandomElastic
    from seqtrain.data.batching.flat_dataset import FlatDataset
    from seqtrain.data.batching.image_dataset import encode_images
    from seqtrain.data.batching.loader import BatchLoader, FixedLoader
    from seqtrain.data.batching.sampler import BatchSampler, sorted_batches
    from seqtrain.data.batching.vector_dataset import VectorDataset
    from seqtrain.data.batching.word_dataset import WordDataset, encode_sentences
    from seqtrain.data.corpus import Batching, Corpus, Dataset, Source
    from seqtrain.data.files.arrays import Sequences, read_sequences, save_sequences
    from seqtrain.data.files.conllu import ConlluReader, ConlluSentence, TagColumn
    from seqtrain.data.files.images import read_images
    from seqtrain.data.files.text import decode_utf8, read_utf8
    from seqtrain.data.files.word_vectors import WordVectors, read_word_vectors
    from seqtrain.data.sources.arrays import Arrays, encode_sequences
    from seqtrain.data.sources.digits import Digits
    from seqtrain.data.sources.images import Images
    from seqtrain.data.sources.mnist import Mnist
    from seqtrain.data.sources.samples import sample_dir
    from seqtrain.data.sources.tagged import Tagged
    from seqtrain.data.sources.treebank import Treebank
    from seqtrain.data.view import View

__all__ = [
    "Arrays",
    "BatchLoader",
    "BatchSampler",
    "Batching",
    "ConlluReader",
    "ConlluSentence",
    "Corpus",
    "DataError",
    "Dataset",
    "Digits",
    "FixedLoader",
    "FlatDataset",
    "Images",
    "Mnist",
    "RandomAffine",
    "RandomElastic",
    "Sequences",
    "Source",
    "TagColumn",
    "Tagged",
    "Treebank",
    "VectorDataset",
    "View",
    "WordDataset",
    "WordVectors",
    "decode_utf8",
    "encode_images",
    "encode_sentences",
    "encode_sequences",
    "read_images",
    "read_sequences",
    "read_utf8",
    "read_word_vectors",
    "sample_dir",
    "save_sequences",
    "sorted_batches",
]

__getattr__ = lazy_attributes(
    __name__,
    {
        "Arrays": "sources.arrays",
        "BatchLoader": "batching.loader",
        "BatchSampler": "batching.sampler",
        "Batching": "corpus",
        "ConlluReader": "files.conllu",
        "ConlluSentence": "files.conllu",
        "Corpus": "corpus",
        "Dataset": "corpus",
        "Digits": "sources.digits",
        "FixedLoader": "batching.loader",
        "FlatDataset": "batching.flat_dataset",
        "Images": "sources.images",
        "Mnist": "sources.mnist",
        "RandomAffine": "augment",
        "RandomElastic": "augment",
        "Sequences": "files.arrays",
        "Source": "corpus",
        "TagColumn": "files.conllu",
        "Tagged": "sources.tagged",
        "Treebank": "sources.treebank",
        "VectorDataset": "batching.vector_dataset",
        "View": "view",
        "WordDataset": "batching.word_dataset",
        "WordVectors": "files.word_vectors",
        "decode_utf8": "files.text",
        "encode_images": "batching.image_dataset",
        "encode_sentences": "batching.word_dataset",
        "encode_sequences": "sources.arrays",
        "read_images": "files.images",
        "read_sequences": "files.arrays",
        "read_utf8": "files.text",
        "read_word_vectors": "files.word_vectors",
        "sample_dir": "sources.samples",
        "save_sequences": "files.arrays",
        "sorted_batches": "batching.sampler",
    },
)
