// Horovod 0.28.1 includes this header by its old place; TensorFlow 2.21 keeps it under xla/.
#include "xla/xla_data.pb.h"
