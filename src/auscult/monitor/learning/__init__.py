"""A model of a machine that has none: normal running is recorded, a model fitted, and its alarms set.

``listening`` decides which sound is normal running, ``folder`` keeps it on disk, ``recording`` runs until
there is enough, and ``learn`` fits and checks the model.
"""
