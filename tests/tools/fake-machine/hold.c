/* Holds a card's lock as a hung process would.   cc hold.c -o hold -lpthread ; ./hold FILE
 * FILE is what librocm_smi64 made in /dev/shm for a card. Says "held" and holds it until its stdin ends. */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

int main(int count, char **arguments) {
    int file = count == 2 ? open(arguments[1], O_RDWR) : -1;
    if (file < 0) {
        perror("open");
        return 1;
    }
    pthread_mutex_t *mutex = mmap(NULL, sizeof *mutex, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    if (mutex == MAP_FAILED) {
        perror("mmap");
        return 1;
    }
    int status = pthread_mutex_lock(mutex);
    if (status == EOWNERDEAD) {
        pthread_mutex_consistent(mutex);
        status = 0;
    }
    puts(status ? "failed" : "held");
    fflush(stdout);
    char byte;
    while (read(0, &byte, 1) > 0) {
    }
    return pthread_mutex_unlock(mutex);
}
