"""What becomes of the sound of one machine: from blocks of samples to scores, states and alarms.

``sensor`` decides whether the sensor works, ``gate`` whether the machine runs, ``windows`` and ``scoring``
give a score about each second, and ``machine`` makes states and alarms of all this.
"""
