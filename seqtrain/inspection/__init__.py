"""What a trained network does with a sample of sequences, for people to look at.

examine.py      the network and its trace over a dataset: an Example for each sequence
reach.py        how far back in time the loss of a step reaches
selectivity.py  how well each unit alone separates one target from the others
curves.py       the scalars that training logged
report.py       all of it together, as the record that is written
document.py     the report as plain values, for JSON
encode.py       arrays as compact text
page.py         one HTML file, from the parts in page/
pictures.py     a folder of PNG and JSON files
"""
